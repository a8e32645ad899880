"""The store for assistants, by the Model Context Protocol (`search mcp`): read-only tools over the routes of the API.

briefly     answers cut to what fits in a conversation
refusals    what is wrong with a call, as a sentence
tools       the tools, and the server of them on standard input and output
"""
