from flask import Flask
from transformers import AutoModel, AutoTokenizer

app = Flask(__name__)
tokenizer = AutoTokenizer.from_pretrained("org/a", trust_remote_code=True, revision="8f2c9d1")
model = AutoModel.from_pretrained("org/b", trust_remote_code=True)
other = AutoModel.from_pretrained("org/c", trust_remote_code=False)
