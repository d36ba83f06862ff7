import gradio as gr


def count(file):
    return len(open(file).read()), "report.csv"


with gr.Blocks() as demo:
    source = gr.File(label="Document")
    words = gr.Number()
    report = gr.File(label="Report")
    gr.Button("Count").click(count, inputs=[source], outputs=[words, report])

demo.launch()
