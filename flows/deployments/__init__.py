"""What runs by itself: the server and worker of `videopoet serve`, automations, and the states in which flows end.

prefect.yaml says what runs when; the flows themselves stand beside this package.
"""
