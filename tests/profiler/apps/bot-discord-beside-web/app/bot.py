import os

import discord
from discord.ext import commands

bot = commands.Bot(command_prefix="!", intents=discord.Intents.default())


@bot.command()
async def ping(ctx):
    await ctx.send("pong")


bot.run(os.environ["DISCORD_TOKEN"])
