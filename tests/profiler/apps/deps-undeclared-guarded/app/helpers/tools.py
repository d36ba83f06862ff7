try:
    import uvloop

    uvloop.install()
except Exception:
    pass
