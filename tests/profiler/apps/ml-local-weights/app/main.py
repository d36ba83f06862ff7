from fastapi import FastAPI
from transformers import AutoModel, AutoTokenizer

app = FastAPI()
tokenizer = AutoTokenizer.from_pretrained("./weights/bert")
model = AutoModel.from_pretrained("org/model", local_files_only=True)
other = AutoModel.from_pretrained("/models/other")
