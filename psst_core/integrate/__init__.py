"""Equations, solvers and the compiled loop: the code that decides every bit of a result."""
