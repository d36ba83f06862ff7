def frq():
    return 'rq'
