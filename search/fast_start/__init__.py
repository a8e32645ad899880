"""What exists only so that a command starts faster. Without it every answer is the same.

    plain_arguments      a plain query is read without typer
    prefetch             the encoder is on its way while the rest is imported
    prefetched_encoder   what a query's process gets of it

Elsewhere for the same reason: `search/__main__.py` (no garbage collection in a query, a quick end), the server behind
the store's socket (`search/resident`), `indexer/encoder_hint.py`. What each gains is in docs/decisions.md.
"""
