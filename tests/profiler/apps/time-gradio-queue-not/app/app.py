import gradio as gr
from openai import OpenAI

client = OpenAI(timeout=60)


def reply(message, history):
    return client.chat.completions.create(model="gpt-4o-mini", messages=[]).choices[0]


demo = gr.ChatInterface(fn=reply)
demo.queue(default_concurrency_limit=20)
demo.launch()
