"""The command line: the one place that prints and that knows exit codes.

options       an option is declared once, as a row of its command's class
commands/     a command a file: its options, its work through the library, its printing
cli           assembles the commands into typer's program
run           runs a command line: what it returns or raises becomes an exit code and one sentence
"""
