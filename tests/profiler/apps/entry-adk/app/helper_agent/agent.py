from google.adk.agents import Agent

root_agent = Agent(name="helper", model="gemini-2.0-flash")
