from fastapi import FastAPI

app = FastAPI()


class Todos:
    def __init__(self):
        self.items = {}

    def add(self, name):
        self.items[name] = False


class Report:
    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)


todos = Todos()


@app.post("/todos/{name}")
def add(name: str):
    todos.add(name)
    report = Report()
    report.write(name)
    return report.lines
