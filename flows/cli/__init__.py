"""The command line: one module per group of commands, and the session of `run`, `plan` and `finetune`.

It parses arguments, calls the packages below, and prints results. Nothing imports it.
"""
