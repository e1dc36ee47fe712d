"""Checks that need a deployed stack: privileges, a stack's lifecycle, the canary for a real account; and the test of this machine."""
