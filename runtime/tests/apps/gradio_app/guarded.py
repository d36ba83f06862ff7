"""A Gradio script as its author would write it."""

import gradio as gr
from words import greeting


def greet(name):
    print("greeting", name)
    return greeting(name)


demo = gr.Interface(fn=greet, inputs="text", outputs="text", api_name="greet")

if __name__ == "__main__":
    demo.queue().launch(server_port=7860, share=False)
