"""One file = one method, one folder = one verb. See CONTRIBUTING.md for how to add one."""
