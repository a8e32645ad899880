"""The resident process: one process a store that keeps everything loaded and answers the commands of others.

    protocol, places, identity    what both sides know; light
    client                        a command asks, and prints what comes back; light: a query is to take milliseconds
    server                        the socket: conversations, one piece of work at a time, the idle exit
    commands, warm, opening       a command of another process is run here, on libraries that stay open
    lifecycle                     one process a store: its lock, its socket, start in the background, stop

Light modules import nothing but `os` and `sys` and modules in C: what they import, every query pays for.
Everything works without this process; whatever is unusual is left to the command's own process.
"""
