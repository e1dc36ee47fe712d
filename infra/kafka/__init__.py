"""Kafka for the local stage: a broker on loopback, and what stands for Lambda and its event source mapping."""
