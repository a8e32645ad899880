"""The HTTP API and the page, over one store.

    settings, problems            what may be asked for, and how an error is told
    wording                       the library's sentences in the words of the API
    parameters, invalid           what a route takes, and what is wrong with a request
    models                        what goes over the wire, as OpenAPI documents it
    asking, batching, uploads     a request becomes a query; queries are answered together
    service                       what all routes work with
    routes/                       the paths, a file a subject
    indexing/                     indexing in a process of its own, and whether the store grows
    assistants/                   the store for assistants, by the Model Context Protocol
    guard                         who may ask: Host, Origin, token; headers of every answer
    heads                         HEAD, as GET without content
    own_socket, owner             the shell of the owner, over the store's private socket
    store_watch                   never an answer of a store that was replaced
    representations               JSON, or what the shell prints
    app, serving                  the application, and the process that serves it
    page/                         the page: HTML, CSS and ES modules, served as they are

A request is data: no word of it is a path, an address or SQL. Files leave by the id of an item alone.
"""
