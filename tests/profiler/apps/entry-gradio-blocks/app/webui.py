import gradio as gr

with gr.Blocks() as demo:
    gr.Chatbot()

if __name__ == "__main__":
    demo.queue().launch(server_name="0.0.0.0", server_port=7000)
