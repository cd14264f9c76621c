import java.net.Socket;

class Client {
    public static void main(String[] arguments) throws Exception {
        byte[] word = System.in.readAllBytes();
        try (Socket sock = new Socket(arguments[0], Integer.parseInt(arguments[1]))) {
            sock.getOutputStream().write(word);
            if (arguments[2].equals("half_close")) {
                sock.shutdownOutput();
                sock.getInputStream().transferTo(System.out);
            } else {
                System.out.write(sock.getInputStream().readNBytes(word.length));
            }
            System.out.flush();
        }
    }
}
