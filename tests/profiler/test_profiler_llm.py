"""Whose language models an app uses, and how long it waits for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.profiler.detectors import llm, llm_ids, llm_models, ml, ml_unsafe, services
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]

# code -> providers
WHOSE: dict[str, tuple[str, set[str]]] = {
    "OpenAI": ("from openai import OpenAI\nc = OpenAI()", {"openai"}),
    "its old form": ("import openai\nopenai.ChatCompletion.create(model='gpt-4')", {"openai"}),
    "Azure": ("from openai import AzureOpenAI\nc = AzureOpenAI()", {"azure-openai"}),
    "Azure in the old form": (
        "import openai\nopenai.api_type = 'azure'\nopenai.ChatCompletion.create(engine='x')",
        {"azure-openai"},
    ),
    "Groq by an address": (
        "from openai import OpenAI\nc = OpenAI(base_url='https://api.groq.com/openai/v1')",
        {"groq"},
    ),
    "Ollama by an address": (
        "from openai import OpenAI\nURL = 'http://localhost:11434/v1'\nc = OpenAI(base_url=URL)",
        {"ollama"},
    ),
    "a server of one's own": (
        "from openai import OpenAI\nc = OpenAI(base_url='http://vllm:8000/v1')",
        {"openai-compatible"},
    ),
    "an address by a variable": (
        "import os\nfrom openai import OpenAI\nc = OpenAI(base_url=os.getenv('OPENAI_BASE_URL'))",
        {"openai"},
    ),
    "Bedrock": ("import boto3\nb = boto3.client(service_name='bedrock-runtime')", {"bedrock"}),
    "Bedrock by a session": (
        "import boto3\nb = boto3.Session().client('bedrock-runtime')", {"bedrock"},
    ),
    "Claude on Bedrock": ("import anthropic\nc = anthropic.AnthropicBedrock()", {"bedrock"}),
    "Gemini": ("from google import genai\nc = genai.Client()", {"google"}),
    "Gemini on Vertex": ("from google import genai\nc = genai.Client(vertexai=True)", {"vertex"}),
    "LangChain": (
        "from langchain_community.chat_models import ChatOllama\nc = ChatOllama(model='x')",
        {"ollama"},
    ),
    "LangChain by a text": (
        "from langchain.chat_models import init_chat_model\n"
        "m = init_chat_model('anthropic:claude-3-5-haiku-latest')", {"anthropic"},
    ),
    "LangChain by a text elsewhere": (
        "from langchain.chat_models import init_chat_model\nKNOWN = [dict(id='openai:gpt-4o')]\n"
        "def make(one): return init_chat_model(one['id'])", {"openai"},
    ),
    "LlamaIndex": (
        "from llama_index.llms.mistralai import MistralAI\nm = MistralAI()", {"mistral"},
    ),
    "LiteLLM": (
        "from litellm import completion\ncompletion(model='groq/llama3-8b-8192')", {"groq"},
    ),
    "pydantic-ai": ("from pydantic_ai import Agent\na = Agent('openai:gpt-4o')", {"openai"}),
    "by hand": (
        "import requests\nrequests.post('https://api.openai.com/v1/chat/completions')", {"openai"},
    ),
    "Hugging Face": (
        "from huggingface_hub import InferenceClient\nc = InferenceClient()", {"huggingface"},
    ),
    "types only": ("from openai.types.chat import ChatCompletion", set()),
    "a page for people": ("URL = 'https://platform.openai.com/api-keys'", set()),
    "another Bedrock service": ("import boto3\nb = boto3.client('bedrock')", set()),
    "a variable of another": ("class OpenAI: ...\nc = OpenAI()", set()),
}  # fmt: skip


def part(source: Source, **given: object) -> Part:
    fields: dict[str, object] = {
        "name": "web", "kind": "web", "framework": "fastapi", "entry": "app:app",
        "paths": source.python_files, "dependencies": {},
    }  # fmt: skip
    return Part(source=source, **{**fields, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("case", WHOSE)
def test_providers(app: Write, case: str) -> None:
    code, wanted = WHOSE[case]
    used = services.detect(part(app({"app.py": code})))
    assert {service.provider for service in used if service.kind == "llm"} == wanted


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("from openai import OpenAI\nc = OpenAI()", ["openai.OpenAI"]),
        ("import openai\nc = openai.AsyncOpenAI(timeout=None)", []),
        ("from openai import OpenAI\nc = OpenAI(**options())", []),
        ("from openai import OpenAI\nc = OpenAI()\nc.with_options(timeout=9).models.list()", []),
        ("import asyncio, openai\nc = openai.AsyncOpenAI()\n"
         "async def f(): await asyncio.wait_for(c.models.list(), 9)", []),
        ("from groq import Groq\nc = Groq()", []),
        ("from langchain_openai import ChatOpenAI\nc = ChatOpenAI()", []),
        ("import ollama\nc = ollama.Client(host='h')", ["ollama.Client"]),
    ],
)  # fmt: skip
def test_clients_that_wait_too_long(app: Write, code: str, told: list[str]) -> None:
    facts = llm.detect(part(app({"app.py": code})))
    assert [fact.subject for fact in facts if fact.rule == "llm.no-timeout"] == told


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("gpt-4o", "openai"), ("o3", "openai"), ("o3-mini", "openai"),
        ("claude-3-5-sonnet-20241022", "anthropic"), ("openai/gpt-4o", "openai"),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", "bedrock"), ("gemini-2.0-flash", "google"),
        ("command-r-plus", "cohere"), ("text-embedding-3-small", "openai"),
        ("gpt-", ""), ("claude-", ""), ("o3 is good", ""), ("command-agent", ""), ("", ""),
        ("claude-3 and others", ""), ("sonar", ""), ("http://gpt-4", ""),
    ],
)  # fmt: skip
def test_makers_of_models(text: str, whose: str) -> None:
    assert llm_ids.maker(text) == whose


@given(st.text(max_size=200))
def test_any_text_has_a_maker_or_none(text: str) -> None:
    assert isinstance(llm_ids.maker(text), str)
    assert isinstance(llm_ids.provider_of(text), str)


def test_models_are_told_once_and_not_when_compared(app: Write) -> None:
    source = app({
        "app.py": "from openai import OpenAI\nc = OpenAI(timeout=9)\nPRICES = {'gpt-4o': 5}\n"
        "def ask(model='gpt-4o-mini'):\n    if model == 'gpt-3.5-turbo': return\n"
        "    return c.responses.create(model='gpt-4o')\n",
    })  # fmt: skip
    told = list(llm_models.detect(part(source)))
    assert [(f.subject, f.proof.line) for f in told] == [("gpt-4o", 6), ("gpt-4o-mini", 4)]


def test_no_models_without_a_client(app: Write) -> None:
    assert not list(llm_models.detect(part(app({"app.py": "model = 'gpt-4o'\n"}))))


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("import pickle, requests\nm = pickle.loads(requests.get('http://h/m').content)", True),
        ("import pickle\nm = pickle.load(open('m.pkl', 'rb'))", False),
        ("import streamlit as st, joblib\nm = joblib.load(st.file_uploader('x'))", True),
        ("import pandas as pd\nfrom flask import request\n"
         "def f():\n    data = request.files['x']\n    return pd.read_pickle(data)", True),
        ("import numpy as np\nfrom flask import request\n"
         "def f(): return np.load(request.files['x'])", False),
        ("import torch\nfrom fastapi import UploadFile\n"
         "def f(x: UploadFile): return torch.load(x.file, weights_only=False)", True),
        ("import json\nfrom flask import request\ndef f(): return json.loads(request.data)", False),
    ],
)  # fmt: skip
def test_pickles_from_outside(app: Write, code: str, bad: bool) -> None:
    told = list(ml_unsafe.detect(part(app({"app.py": code}))))
    assert [fact.rule for fact in told] == (["model.unsafe-load"] if bad else [])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nltk\nnltk.download('punkt')", ["punkt"]),
        ("from ultralytics import YOLO\nm = YOLO('yolov8n.pt')", ["yolov8n.pt"]),
        ("from ultralytics import YOLO\nm = YOLO('here.pt')", []),
        ("from transformers import pipeline\np = pipeline('sentiment-analysis')",
         ["sentiment-analysis"]),
        ("from torchvision import models\nm = models.resnet50()", []),
        ("from torchvision import models\nm = models.resnet50(weights='DEFAULT')",
         ["torchvision.models.resnet50"]),
        ("import whisper\ndef load(): return whisper.load_model('base')", []),
        ("import whisper\ndef load(): return whisper.load_model('base')\nm = load()", ["base"]),
        ("from transformers import AutoModel\nimport os\n"
         "m = AutoModel.from_pretrained(os.environ['MODEL_PATH'])", []),
    ],
)  # fmt: skip
def test_downloads_at_start(app: Write, code: str, told: list[str]) -> None:
    source = app({"app.py": code, "here.pt": b"x"})
    facts = ml.detect(part(source, paths=("app.py",)))
    assert [f.subject for f in facts if f.rule == "model.download-at-start"] == told
