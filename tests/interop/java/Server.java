import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

class Server {
    public static void main(String[] arguments) throws Exception {
        var server = new ServerSocket(Integer.parseInt(arguments[1]), 5, InetAddress.getByName(arguments[0]));
        while (true) {
            Socket client = server.accept();
            new Thread(() -> echo(client)).start();
        }
    }

    static void echo(Socket client) {
        try (client) {
            client.getInputStream().transferTo(client.getOutputStream());
        } catch (java.io.IOException error) {
            System.err.println(error);
        }
    }
}
