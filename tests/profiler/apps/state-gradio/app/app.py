import gradio as gr

history = []


def answer(text, state):
    history.append(text)
    return text[::-1], state


with gr.Blocks() as demo:
    box = gr.Textbox()
    state = gr.State([])
    box.submit(answer, [box, state], [box, state])

demo.launch()
