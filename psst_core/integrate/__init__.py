"""Equations, solvers and the compiled loop: all that decides bits."""
