"""The far side of the wall: a forkserver that forks sandboxed workers, one a submission.

Nothing here may import the judge, a specification, a solution or the database.
"""
