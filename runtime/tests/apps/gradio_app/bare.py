"""Launched without asking whether it is the main program; a second app is not launched."""

import gradio as gr
from words import greeting

with gr.Blocks() as other:
    gr.Markdown("The other one")

with gr.Blocks(title="The bare one") as page:
    name, out = gr.Textbox(label="Name"), gr.Textbox(label="Out")
    gr.Button("Go").click(greeting, name, out, api_name="greet")

page.launch()
