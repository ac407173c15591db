"""The pure heart: three states in, a plan out. `make_plan(PlanInputs, Kinds) -> Plan`; see docs/planning.md."""

from orgform.planning.plan import judge_again, make_plan
from orgform.planning.scope import PlanInputs, TargetState

__all__ = ["PlanInputs", "TargetState", "judge_again", "make_plan"]
