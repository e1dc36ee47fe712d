"""RabbitMQ on loopback: broker, a poller that stands for Lambda's, the demo, and the template's tests."""
