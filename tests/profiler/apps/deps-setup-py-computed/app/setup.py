from setuptools import setup

import api_deps
setup(name="api", install_requires=api_deps.load())
