import os

import gradio as gr

demo = gr.Interface(fn=str.upper, inputs="text", outputs="text")
demo.launch(share=os.environ.get("SHARE") == "1", server_name="0.0.0.0")
