"""The command line: one file a group of commands, and what `run`, `plan` and `finetune` do about a checkout.

It parses, asks the packages below, and says in words what came of it. Nothing imports it.
"""
