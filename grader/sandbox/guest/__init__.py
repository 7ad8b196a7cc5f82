"""Inside the sandbox: a forkserver that forks a sandboxed worker for each submission.

Nothing here may import the judge, a specification, a solution or the database: student code could
read them from memory.
"""
