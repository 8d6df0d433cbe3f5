"""What people and machines watch a running node by: metrics, health, readiness."""
