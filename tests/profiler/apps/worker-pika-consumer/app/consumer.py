import pika


def main():
    channel = pika.BlockingConnection().channel()
    channel.basic_consume(queue="mails", on_message_callback=print)
    channel.start_consuming()


if __name__ == "__main__":
    main()
