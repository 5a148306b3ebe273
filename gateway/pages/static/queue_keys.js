// Keys of the live queue pages: F9 calls or lets in, F8 calls again.
import { listenToKeys } from "./work_keys.js";

listenToKeys();
document.body.classList.add("scripted");
document.body.dataset.ready = "yes";
