import pika

if __name__ == "__main__":
    pika.BlockingConnection().channel().basic_publish("", "mails", b"hi")
