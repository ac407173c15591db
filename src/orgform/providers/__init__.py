"""Where live systems are read and written; one folder a platform."""
