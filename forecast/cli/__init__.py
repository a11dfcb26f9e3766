"""The command line: arguments, commands, printed tables and progress."""
