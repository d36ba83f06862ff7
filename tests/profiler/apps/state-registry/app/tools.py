TOOLS = {}


def tool(function):
    TOOLS[function.__name__] = function
    return function
