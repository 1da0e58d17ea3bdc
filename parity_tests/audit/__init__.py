"""PyTorch audited: every differentiable operator of its own database on the database's sample inputs.

It stands beside the tests, and not among the commands, because it judges torch and not a user's code: it needs a clone,
and torch's own test package. (torch.testing._internal is no public interface; it may move with any release.)
"""
