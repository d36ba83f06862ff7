import sys


def main():
    print "rows:", len(sys.argv)
    exec "x = 1"
