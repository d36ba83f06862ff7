notes = []


def post(text):
    notes.append(text)
