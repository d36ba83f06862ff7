import os

from setuptools import find_packages, setup

os.makedirs("ran")
BASE = ["fastapi>=0.115,<1", "uvicorn<1"]
setup(
    name="api",
    packages=find_packages(),
    python_requires=">=3.11",
    install_requires=BASE + ["httpx<1"],
    extras_require={"test": ["pytest"]},
)
