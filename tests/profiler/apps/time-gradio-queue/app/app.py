import gradio as gr
from openai import OpenAI

client = OpenAI(timeout=60)


def reply(message, history):
    text = ""
    for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=[], stream=True):
        text += chunk.choices[0].delta.content or ""
        yield text


demo = gr.ChatInterface(fn=reply)
demo.launch()
