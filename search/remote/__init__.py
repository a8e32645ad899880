"""A library behind a server (`search serve`), with the calls of one that is open here.

    addresses       where a server is
    connection      requests to it, over TCP or a Unix socket
    problems        what it refuses becomes the exception that a library raises
    asking          a query becomes a request; images are uploaded
    answers         JSON becomes Results, Hit, Item, Status ...
    library         `search.connect`, and what it gives
    own_library     the owner's own server, over the store's private socket, for the commands of the shell

Nothing of the server is imported: what goes over the wire is docs/openapi.json, and for `own_library` docs/server.md.
"""
