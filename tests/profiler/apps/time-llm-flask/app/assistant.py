from openai import OpenAI

client = OpenAI(timeout=20)


def answer(question):
    reply = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return reply.choices[0].message.content
