"""Room that the demos of Kafka and RabbitMQ share: functions as processes, a world that is killed and accounted for, letters."""
