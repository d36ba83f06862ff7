import gradio as gr

demo = gr.Interface(fn=len, inputs=gr.File(), outputs=gr.File())
demo.launch(max_file_size="5mb")
