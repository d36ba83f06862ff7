from crawler.core import run

run()
