# SPDX-License-Identifier: Apache-2.0
"""Runs a whole Spillway on this machine: used by the demo and by the scenarios."""
