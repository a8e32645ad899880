"""A store's private socket: where the server of a store answers the shell of its owner.

    socket_paths, identity        where it lies, and what both sides have to have in common; light
    http                          a request over it; light
    plain_query, plain_status     a command line becomes a request, where it is plain; light
    client                        a command asks, and prints what comes back; light: a query is to take milliseconds
    claim                         one server a store: its lock and its socket
    background, lifecycle         start one behind the command, ask it who it is, make it leave

Light modules import nothing but `os` and `sys` and modules in C: what they import, every query pays for.
Everything works without a server; whatever is unusual is left to the command's own process. The server itself stands
in `search/web`.
"""
