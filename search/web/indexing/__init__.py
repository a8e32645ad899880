"""Indexing while the server answers: in a process of its own, which says how far it is.

messages        the lines that it writes
child           the process: `Library.index` over the folders that it is told
own_process     how it is started and ended
run             one run, as the server sees it
indexer         one run at a time
collections     the indexed folders, and whether the store has grown
growth          one watcher for all who want to know that
"""
