"""What a terminal shows of an answer, as pure functions: the commands print it, and a server answers with it.

given_fields     the fields of a query that were given beside its line, as options or in a request
escaping         text that a terminal shows and does not act on
wording          the library's sentences in the words of the shell
results_table    the lines of a table of hits
answer_text      an answer as a table, paths or JSON, with its exit code
"""
