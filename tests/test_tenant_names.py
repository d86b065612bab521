"""Many invented bodies, each with the class that its name, domain, country and state should speak for.

The rows that are no police stand beside those that are: the nearest miss of each kind.
"""

import pytest

from analyzer import shipped
from analyzer.classifier import POLICE, classify, load_patterns

PATTERNS = load_patterns(shipped.folder("queries") / "tenants")

# class | name | domain | country | state
POLICE_IN_AMERICA = """
us_police|Calder Falls Police Department|calderfallspd.org|US|OH
us_police|Calder Falls PD||US|OH
us_police|CALDER FALLS POLICE DEPT.||US|OH
us_police|City of Calder Falls, Dept. of Police||US|OH
us_police|Calder Falls Division of Police||US|OH
us_police|Calder Falls Bureau of Police||US|PA
us_police|Calder Falls Metropolitan Police||US|TN
us_police|Borough of Tarn Hollow Police||US|PA
us_police|Tarn Hollow Regional Police Commission||US|PA
us_police|Tarn Hollow Township Dept of Police Services||US|NJ
us_police|Village of Lesser Birch Police Dept|lesserbirchpolice.com|US|IL
us_police|Quell County Police|quellcountypolice.org|US|MD
us_police|Quell County Sheriff|quellsheriff.com|US|MT
us_police|Quell County Sheriff's Dept.||US|CA
us_police|Quell County Sheriff-Coroner||US|CA
us_police|Quell Co. Sheriff's Office||US|ID
us_police|Quell Parish Sheriff's Office|qpso.org|US|LA
us_police|Quell County SO||US|TX
us_police|Office of the Sheriff, Quell County||US|FL
us_police|Sheriff of Quell County||US|NY
us_police|Sheriff's Office of Quell County||US|FL
us_police|City of Calder Sheriff's Office||US|VA
us_police|Quell County Sheriff's Police||US|IL
us_police|Quell County Sheriffs Posse||US|AZ
us_police|Precinct 4 Constable's Office, Quell County||US|TX
us_police|Quell County Constable Precinct 2||US|TX
us_police|Constable Pct. 3||US|TX
us_police|Justice Precinct 5 Constable||US|AZ
us_police|Ward 4 Marshal's Office||US|LA
us_police|Calder Falls City Marshal|caldermarshal.gov|US|LA
us_police|Calder Town Marshal's Department||US|IN
us_police|Quell County Marshal's Office||US|GA
us_police|Calder Falls Marshal's Office||US|AZ
us_police|Brenmark University Police Department|police.brenmark.edu|US|MA
us_police|Brenmark State University Department of Public Safety||US|MA
us_police|Brenmark College Campus Police||US|MA
us_police|Brenmark College Campus Safety and Police||US|VT
us_police|University of Brenmark PD||US|TX
us_police|Brenmark Community College District Police||US|CA
us_police|Quell Independent School District Police Department|police.quellisd.org|US|TX
us_police|Quell ISD Police||US|TX
us_police|Quell Unified School Police||US|CA
us_police|Quell County Schools Police||US|FL
us_police|Larkmoor Transit Police||US|GA
us_police|Larkmoor Area Rapid Transit Police Department||US|CA
us_police|Metro Larkmoor Transit Authority Police||US|TX
us_police|Larkmoor Railroad Police||US|IL
us_police|Port Authority of Larkmoor Police||US|NY
us_police|Port of Larkmoor Police||US|WA
us_police|Larkmoor Harbor Police||US|CA
us_police|Larkmoor Harbor Patrol||US|CA
us_police|Larkmoor International Airport Police||US|TX
us_police|Larkmoor Airport Department of Public Safety||US|NV
us_police|Larkmoor County Park Police||US|MD
us_police|Larkmoor Park Rangers, Law Enforcement Division||US|OH
us_police|Larkmoor Housing Authority Police||US|NY
us_police|Larkmoor Hospital Police Department||US|TX
us_police|Larkmoor Medical Center Police||US|AR
us_police|Red Hollow Tribal Police Department||US|AZ
us_police|Red Hollow Nation Police||US|OK
us_police|Red Hollow Band Tribal Law Enforcement||US|MN
us_police|Red Hollow Pueblo Police||US|NM
us_police|Red Hollow Lighthorse Police||US|OK
us_police|Northern Vale State Police||US|PA
us_police|Northern Vale State Patrol||US|WA
us_police|Northern Vale Highway Patrol||US|MT
us_police|Division of Northern Vale State Troopers||US|AK
us_police|Northern Vale Bureau of Investigation||US|TN
us_police|State Bureau of Criminal Apprehension||US|MN
us_police|State Law Enforcement Division||US|SC
us_police|State Capitol Police||US|PA
us_police|Division of Alcoholic Beverage Law Enforcement||US|NC
us_police|Northern Vale Fish and Wildlife Police||US|PA
us_police|Conservation Police, Northern Vale||US|IL
us_police|Northern Vale Natural Resources Police||US|MD
us_police|Northern Vale Game Wardens||US|ME
us_police|Quell County District Attorney Investigations Police||US|NY
us_police|Larkmoor Real Time Crime Center||US|GA
us_police|Larkmoor Regional Intelligence Center||US|CA
us_police|Northern Vale Fusion Center||US|CO
us_police|Tri-County Narcotics Task Force||US|UT
us_police|Quell Valley Metro SWAT||US|KY
us_police|Larkmoor Public Safety Department||US|MI
us_police|Larkmoor Township Police & Fire Department||US|MI
us_police|Larkmoor Police, Fire and Rescue||US|CA
us_police|Larkmoor Police and Court Security||US|GA
us_police|Foundation Park Police Department||US|CO
us_police|Academy Village Police Department||US|NM
us_police|Museum Hill Police||US|NM
us_police|Union Grove Police Department||US|WI
us_police|Marshall Police Department||US|TX
us_police|City of Bandera Falls Police||US|TX
us_police|College Park Police Department||US|GA
us_police|Court House Springs Police Department||US|OH
us_police|Jailhouse Creek Police Department||US|WY
us_police|Police Department, City of Software Springs||US|CA
us_police|Department of Police, Town of Lesser Birch||US|CT
us_police|Board of Police Commissioners of Calder||US|MO
us_police|Calder Police Protection District||US|CA
us_police|Departamento de Policía de Puerto Claro||PR|
us_police|Policía Municipal de Puerto Claro||US|PR
us_police|Calder Falls Police Department, Records Division||US|OH
us_police|Calder Falls Police Department Training Division||US|OH
us_police|Calder Falls Police Dept. Communications Division||US|OH
us_police|Quell County Sheriff's Office - Detention Division||US|FL
us_police|Quell County Sheriff's Office Corrections Bureau||US|FL
us_police|Quell County Sheriff's Office, 911 Communications||US|FL
us_police||calderfallspolice.org|US|OH
us_police||quellcountysheriff.com|US|OH
us_police||quellsheriff.org||TX
us_police||police.larkmoor.gov||
us_police||larkmoorpd.gov||
us_police||sheriff.quellcounty.us||
us_police||quellconstablepct4.com|US|TX
us_police|Town of Lesser Birch|lesserbirchpd.com|US|MA
us_police|City of Calder Falls|cfpd.calderfalls.gov|US|OH
us_police|University of Brenmark|police.brenmark.edu|US|TX
us_police|Quell County|sheriff.quell.gov|US|WA
us_police|Greenmarsh Police||US|NH
us_police|Greenmarsh Dept of Police||US|KY
us_police|Greenmarsh P.D.||US|MO
us_police|Greenmarsh Police Bureau||US|OR
us_police|Greenmarsh Police Services Agency||US|CA
us_police|Greenmarsh Police Headquarters||US|CT
us_police|Greenmarsh Police, 4th Precinct||US|NY
us_police|Greenmarsh Police Crime Lab||US|CO
us_police|Greenmarsh Police Detective Bureau||US|NJ
us_police|Greenmarsh Twp. Police||US|NJ
us_police|Greenmarsh-Lowfield Consolidated Police||US|PA
us_police|Northern Lowfield Regional Police Dept||US|PA
us_police|Sheriff, Adare County||US|WI
us_police|Adare Sheriff's Department||US|IN
us_police|Adare County Sheriff's Office Real-Time Crime Center||US|FL
us_police|Adare County Sheriff & Jail||US|IA
us_police|Adare County Sheriff's Department Crime Lab||US|CA
us_police|High Sheriff of Adare County||US|ME
us_police|Adare County Sheriff's Office Aviation Unit||US|AZ
us_police|Adare County Constable's Office, Precinct 1||US|TX
us_police|Adare County Constable, Pct 7||US|TX
us_police|Lowfield Village Marshal||US|NM
us_police|Lowfield Town Marshal||US|CO
us_police|Adare County Police Department||US|VA
us_police|Adare ISD Police||US|TX
us_police|Adare Public Schools Police||US|VA
us_police|Adare School District Department of School Safety Police||US|PA
us_police|Lowfield A&M University Police||US|AL
us_police|Lowfield State College Public Safety Police||US|PA
us_police|UL Lowfield Police Department||US|LA
us_police|Lowfield Polytechnic Police||US|CA
us_police|Lowfield Metro Rail Police||US|CO
us_police|Lowfield Bay Port Police||US|LA
us_police|Lowfield Bridge and Tunnel Police||US|VA
us_police|Lowfield Waterways Patrol Police||US|FL
us_police|Lowfield Turnpike State Patrol||US|OH
us_police|Wild Rice Lake Tribal Police||US|MN
us_police|Pueblo of Lowfield Police Department||US|NM
us_police|Adare Nation Rangers Police||US|AZ
us_police|Adare Indian Community Police||US|AZ
us_police|New Lowfield State Police||US|NM
us_police|Lowfield State Marine Police||US|ME
us_police|Lowfield Metropolitan Drug Enforcement Group||US|IL
us_police|East Lowfield Gang Task Force||US|CA
us_police|Adare Auto Theft Task Force||US|MI
us_police|Adare County Internet Crimes Against Children Task Force||US|OH
us_police|Lowfield Crime Center RTCC||US|MS
us_police|Lowfield Department of Public Safety - Police||US|TX
us_police|Safety Dept., Lowfield City Police||US|OH
us_police|Policía Municipal de Bahía Alta||PR|
us_police||adaresheriff.org||FL
us_police||lowfieldpolicenh.org|US|NH
us_police||police.lowfield.edu||
us_police||sheriff.adarecounty.org|US|
us_police|Lowfield|lowfield-police.net|US|CT
us_police|Adare County|adarecountysheriffsoffice.com|US|IA
us_police|Pinewater Police Dept.|pinewaterpd.net|US|MA
us_police|City of Pinewater - Police|pinewater.gov|US|GA
us_police|Pinewater City Police||US|KY
us_police|Orrin County Sheriff Dept||US|UT
us_police|Orrin County Sheriff's Office (OCSO)||US|FL
us_police|Orrin Co Sheriff||US|SD
us_police|ORRIN PARISH SHERIFF||US|LA
us_police|Sheriff's Department, Orrin County||US|CA
us_police|Pinewater Public Safety Dept||US|MI
us_police|Pinewater Department of Public Safety - Police Services||US|CA
us_police|Pinewater Univ. Police||US|TX
us_police|Pinewater University Public Safety and Police||US|PA
us_police|Pinewater Health System Police||US|GA
us_police|Orrin County Airport Police||US|FL
us_police|Orrin County Regional Transit Police||US|OH
us_police|Pinewater City Schools Police Department||US|GA
us_police|Orrin Forest Preserve District Police||US|IL
us_police|Orrin County Park Rangers Police||US|IL
us_police|Lake Orrin Conservancy Marine Patrol Police||US|IN
us_police|Capitol Police of Orrin State||US|VA
us_police|Tribal Police of Little Pinewater||US|CA
us_police|Pinewater Rancheria Tribal Police||US|CA
us_police|Orrin State Bureau of Criminal Investigation||US|OH
us_police|Orrin State Gaming Enforcement State Police||US|NJ
us_police|Metropolitan Police, Orrin and Pinewater||US|TN
us_police|Unified Police of Greater Pinewater||US|UT
us_police|Pinewater Valley Enforcement Group Narcotics Task Force||US|IL
us_police|Constable, Precinct Two, Orrin County||US|TX
us_police|Pinewater Marshal's Dept||US|GA
us_police|Fusion Center of Orrin||US|KS
us_police||pinewaterpolicedept.org|US|
us_police||pinewater-pd.gov||
us_police||orrincountysheriff.net|US|
us_police||mail.pinewaterpolice.us||
us_police|Quell Nation Marshal Service||US|OK
us_police|QVPD||US|NY
us_police|QCSO||US|AZ
us_police|Quell University Public Safety||US|TN
us_police|Quell State Bureau of Narcotics||US|MS
us_police|Quell Game and Fish Commission Enforcement Division||US|AR
us_police|Quell River Port Authority Police||US|NJ
us_police|Quell Levee District Police||US|LA
"""

FEDERAL = """
us_federal_le|FBI||US|
us_federal_le|FBI Larkmoor Field Office||US|
us_federal_le|DEA||US|DC
us_federal_le|Drug Enforcement Administration Larkmoor Division||US|
us_federal_le|U.S. Immigration and Customs Enforcement||US|
us_federal_le|ICE Enforcement and Removal Operations||US|
us_federal_le|HSI Larkmoor Field Office||US|
us_federal_le|US Customs & Border Protection||US|
us_federal_le|U.S. Border Patrol, Larkmoor Sector||US|
us_federal_le|United States Marshals Service||US|
us_federal_le|U.S. Marshals Service||US|
us_federal_le|Bureau of Alcohol, Tobacco, Firearms and Explosives||US|
us_federal_le|ATF||US|
us_federal_le|United States Secret Service||US|
us_federal_le|U.S. Park Police||US|
us_federal_le|U.S. Capitol Police||US|
us_federal_le|United States Postal Inspection Service||US|
us_federal_le|Federal Protective Service||US|
us_federal_le|Bureau of Diplomatic Security||US|
us_federal_le|Diplomatic Security Service||US|
us_federal_le|Naval Criminal Investigative Service||US|
us_federal_le|NCIS||US|
us_federal_le|IRS Criminal Investigation||US|
us_federal_le|Veterans Affairs Police, Larkmoor||US|
us_federal_le|Department of Veterans Affairs Police||US|
us_federal_le|Bureau of Indian Affairs Police||US|
us_federal_le|Pentagon Force Protection Agency||US|
us_federal_le|Amtrak Police Department||US|
us_federal_le|National Park Service Law Enforcement Rangers||US|
us_federal_le|U.S. Fish and Wildlife Service Office of Law Enforcement||US|
us_federal_le|Coast Guard Investigative Service||US|
us_federal_le|Federal Air Marshal Service||US|
us_federal_le||larkmoor.fbi.gov||
us_federal_le||ice.dhs.gov||
us_federal_le||cbp.dhs.gov||
us_police|Federal Way Police Department||US|WA
us_police|National City Police Department||US|CA
us_police|Federal Heights Police Department||US|CO
us_police|Red Hollow Nation Law Enforcement||US|SD
unknown|ATF Fluids LLC||US|OH
unknown|Dea Ceramics||US|CA
unknown|Ice House Brewing||US|CA
us_federal_le|Federal Bureau of Investigation||US|
us_federal_le|United States Border Patrol||US|
us_federal_le|DHS Homeland Security Investigations||US|
us_federal_le|Army Criminal Investigation Division||US|
us_federal_le|USSS||US|
us_federal_le|Federal Reserve Police||US|
us_federal_le|Smithsonian Institution Police||US|DC
us_federal_le|National Zoological Park Police||US|DC
us_federal_le|US Forest Service Law Enforcement and Investigations||US|
us_federal_le|United States Mint Police||US|
us_federal_le|Supreme Court Police||US|
us_federal_le|Food and Drug Administration Office of Criminal Investigations||US|
us_federal_le|Department of Homeland Security, Immigration and Customs Enforcement||US|
us_federal_le|U.S. Marshals, Eastern District||US|
us_federal_le|Secret Service Uniformed Division||US|
us_federal_le|CBP Office of Field Operations||US|
us_federal_le|DEA Special Operations Division||US|
us_federal_le|FBI Criminal Justice Information Services Division||US|
us_federal_le|Bureau of Land Management Law Enforcement||US|
us_federal_le|Air Force Office of Special Investigations||US|
us_federal_le|Pentagon Police||US|
us_federal_le|Army CID||US|
us_federal_le|Tennessee Valley Authority Police||US|
us_federal_le|FBI Larkmoor||US|
"""

ABROAD = """
foreign_le|Wexfold Police|wexfold.police.uk|GB|
foreign_le|Wexfold and Marsh Constabulary||GB|
foreign_le|Metropolitan Police Service||GB|
foreign_le|British Railways Transport Police||GB|
foreign_le|Police Service of Northern Vale||GB|
foreign_le|Halmer Bay Regional Police Service||CA|ON
foreign_le|Ontario Provincial Police||CA|
foreign_le|Royal Canadian Mounted Police||CA|
foreign_le|RCMP E Division||CA|
foreign_le|Gendarmerie royale du Canada||CA|
foreign_le|Sûreté du Québec||CA|
foreign_le|Service de police de la Ville de Valmorin||CA|
foreign_le|Wattle Ridge Police Force||AU|
foreign_le|Australian Federal Police||AU|
foreign_le|New Wattle Police|police.wattle.govt.nz|NZ|
foreign_le|An Garda Síochána||IE|
foreign_le|Police nationale||FR|
foreign_le|Police municipale de Valmorin||FR|
foreign_le|Direction générale de la Gendarmerie nationale||FR|
foreign_le|Préfecture de police de Valmorin||FR|
foreign_le|Police judiciaire de Valmorin||FR|
foreign_le|Police cantonale de Valmorin||CH|
foreign_le|Kantonspolizei Hafenried||CH|
foreign_le|Stadtpolizei Hafenried||CH|
foreign_le|Police locale Zone Valmorin||BE|
foreign_le|Politiezone Oosterveen||BE|
foreign_le|Polizeidirektion Hafenried||DE|
foreign_le|Polizeipräsidium Wiesental||DE|
foreign_le|Landeskriminalamt Wiesental||DE|
foreign_le|LKA Wiesental||DE|
foreign_le|Bundeskriminalamt||DE|
foreign_le|Bundespolizeidirektion Hafenried||DE|
foreign_le|Kreispolizeibehörde Hafenried||DE|
foreign_le|Landespolizeidirektion Wiesental||AT|
foreign_le|Zollfahndungsamt Hafenried||DE|
foreign_le|Policía Nacional||ES|
foreign_le|Guardia Civil, Comandancia de Peñarrubia||ES|
foreign_le|Policía Foral de Peñarrubia||ES|
foreign_le|Mossos d'Esquadra||ES|
foreign_le|Policia Local d'Alcover Alt||ES|
foreign_le|Secretaría de Seguridad Ciudadana, Policía de Tierra Alta||MX|
foreign_le|Guardia Nacional||MX|
foreign_le|Carabineros de Tierra Alta||CL|
foreign_le|Policía de Investigaciones||CL|
foreign_le|Policía Nacional Civil||GT|
foreign_le|Policía de la Provincia de Tierra Alta||AR|
foreign_le|Polícia Militar do Estado de Serra Clara||BR|
foreign_le|Polícia Civil de Serra Clara|policiacivil.sc.gov.br|BR|
foreign_le|Guarda Municipal de Serra Clara||BR|
foreign_le|Polícia Judiciária||PT|
foreign_le|Guarda Nacional Republicana||PT|
foreign_le|Polizia di Stato - Questura di Valmora||IT|
foreign_le|Questura di Valmora||IT|
foreign_le|Polizia Locale di Valmora||IT|
foreign_le|Arma dei Carabinieri||IT|
foreign_le|Guardia di Finanza||IT|
foreign_le|Politie Oosterveen||NL|
foreign_le|Koninklijke Marechaussee||NL|
foreign_le|Politiet i Nordvik||NO|
foreign_le|Nordvik politidistrikt||NO|
foreign_le|Rigspolitiet||DK|
foreign_le|Københoved Politi||DK|
foreign_le|Polismyndigheten||SE|
foreign_le|Polisen Region Nordvik||SE|
foreign_le|Poliisihallitus||FI|
foreign_le|Itä-Nordvikin poliisilaitos||FI|
foreign_le|Keskusrikospoliisi||FI|
foreign_le|Lögreglan||IS|
foreign_le|Politsei- ja Piirivalveamet||EE|
foreign_le|Valsts policija||LV|
foreign_le|Policijos departamentas||LT|
foreign_le|Komenda Miejska Policji w Borowie||PL|
foreign_le|Komenda Główna Policji||PL|
foreign_le|Straż Miejska w Borowie||PL|
foreign_le|Policie České republiky||CZ|
foreign_le|Městská policie Borov||CZ|
foreign_le|Policajný zbor||SK|
foreign_le|Rendőrség||HU|
foreign_le|Borovi Rendőrkapitányság||HU|
foreign_le|Poliția Română||RO|
foreign_le|Jandarmeria Română||RO|
foreign_le|Hrvatska policija||HR|
foreign_le|Министерство внутренних дел, полиция||RU|
foreign_le|Полиция Боровска||RU|
foreign_le|Національна поліція України||UA|
foreign_le|Министерство на вътрешните работи - Полиция||BG|
foreign_le|Ελληνική Αστυνομία||GR|
foreign_le|Emniyet Genel Müdürlüğü||TR|
foreign_le|Borova İl Emniyet Müdürlüğü||TR|
foreign_le|Jandarma Genel Komutanlığı||TR|
foreign_le|القيادة العامة لشرطة الميناء||AE|
foreign_le|Harbour Emirate Police GHQ||AE|
foreign_le|משטרת ישראל||IL|
foreign_le|सूर्यनगर पुलिस आयुक्तालय||IN|
foreign_le|Suryanagar City Police||IN|
foreign_le|Central Bureau of Investigation||IN|
foreign_le|Central Reserve Police Force||IN|
foreign_le|Office of the Inspector General of Police||KE|
foreign_le|National Police Service||KE|
foreign_le|South Vale Police Service||ZA|
foreign_le|Nigeria Police Force||NG|
foreign_le|Directorate of Criminal Investigations||KE|
foreign_le|Polisi Diraja Pulau||MY|
foreign_le|Kepolisian Daerah Pulau||ID|
foreign_le|Polda Pulau||ID|
foreign_le|Philippine National Police||PH|
foreign_le|สำนักงานตำรวจแห่งชาติ||TH|
foreign_le|Công an tỉnh Hải Lâm||VN|
foreign_le|Công an thành phố Hải Lâm||VN|
foreign_le|大浜県警察本部||JP|
foreign_le|警視庁||JP|
foreign_le|北山市公安局||CN|
foreign_le|Beishan Public Security Bureau||CN|
foreign_le|경찰청||KR|
foreign_le|National Police Agency||KR|
foreign_le|Europol||NL|
foreign_le|INTERPOL General Secretariat||FR|
foreign_le||polizei.wiesental.de||
foreign_le||police.wattle.gov.au||
foreign_le||borovpolice.gov.in||
foreign_le||rendorseg.borov.hu||
foreign_le||policia.serraclara.gov.br||
foreign_le||police.pref.ohama.jp||
foreign_le||policja.borow.gov.pl||
foreign_le||police.gov.xy|KE|
foreign_le|Northmoor Police||GB|
foreign_le|Police Scotland||GB|
foreign_le|Civil Nuclear Constabulary||GB|
foreign_le|Ministry of Defence Police||GB|
foreign_le|City of Northmoor Police||GB|
foreign_le|Northmoor RCMP Detachment||CA|
foreign_le|Northmoor Municipal Police Service||CA|
foreign_le|Régie intermunicipale de police de Valdor||CA|
foreign_le|Victoria Vale Police||AU|VIC
foreign_le|Commissariat de police de Valdor||FR|
foreign_le|Compagnie de gendarmerie départementale de Valdor||FR|
foreign_le|Sûreté nationale||MA|
foreign_le|Direction Générale de la Sûreté Nationale||MA|
foreign_le|Polizeiinspektion Niederau||DE|
foreign_le|Polizeirevier Niederau||DE|
foreign_le|Polizei Niederau||DE|
foreign_le|Kriminalpolizei Niederau||DE|
foreign_le|Wasserschutzpolizei Niederau||DE|
foreign_le|Bayrische Landespolizei, IT||DE|
foreign_le|Comisaría General de Policía Judicial||ES|
foreign_le|Policía Autonómica de Valdoria||ES|
foreign_le|Guardia Urbana de Valdoria||ES|
foreign_le|Policía Metropolitana de Valdoria||VE|
foreign_le|Gendarmería Nacional||AR|
foreign_le|Carabinieri Comando Provinciale di Valdoria||IT|
foreign_le|Polizia Municipale di Valdoria||IT|
foreign_le|Polícia de Segurança Pública||PT|
foreign_le|Polícia Federal||BR|
foreign_le|Polícia Rodoviária Federal||BR|
foreign_le|Brigada Militar - Polícia Militar de Serra||BR|
foreign_le|Politie Eenheid Noorddorp||NL|
foreign_le|Lokale Politie Noorddorp||BE|
foreign_le|Oslovik politidistrikt||NO|
foreign_le|Midtjylvik Politi||DK|
foreign_le|Polismyndigheten i Nordlund||SE|
foreign_le|Helsinlahden poliisilaitos||FI|
foreign_le|Komisariat Policji w Zaborzu||PL|
foreign_le|Krajské ředitelství policie Zábor||CZ|
foreign_le|Rendőr-főkapitányság Zábor||HU|
foreign_le|Inspectoratul de Poliție Județean Zabor||RO|
foreign_le|Policijska uprava Zagora||HR|
foreign_le|Policija Slovenije||SI|
foreign_le|ОМВД полиция Заборск||RU|
foreign_le|Головне управління Національної поліції||UA|
foreign_le|Zabor İlçe Emniyet Amirliği||TR|
foreign_le|شرطة دبي الجديدة||AE|
foreign_le|مديرية الأمن العام||JO|
foreign_le|Zaborgarh Police Commissionerate||IN|
foreign_le|महाराष्ट्र पोलीस||IN|
foreign_le|Zabor Metropolitan Police||BD|
foreign_le|Polres Zabor||ID|
foreign_le|Kagoya Prefectural Police||JP|
foreign_le|県警察本部||JP|
foreign_le|南山区公安分局||CN|
foreign_le|서울경찰청||KR|
foreign_le||polizei-niederau.de||
foreign_le||policie.zabor.cz||
foreign_le||www.politi.zabor.dk||
foreign_le|Brackenshire Police||GB|
foreign_le|Brackenshire Constabulary Digital Services||GB|
foreign_le|States of Bracken Police||JE|
foreign_le|Police Service of Bracken Island||CA|
foreign_le|Service de police de Montclar||CA|
foreign_le|Police cantonale||CH|
foreign_le|Police grand-ducale||LU|
foreign_le|Brigade de gendarmerie de Montclar||FR|
foreign_le|Direction centrale de la police judiciaire||FR|
foreign_le|Polizeipräsidium Rheinau||DE|
foreign_le|Polizeidirektion Rheinau, Inspektion 3||DE|
foreign_le|Rheinauer Polizei||DE|
foreign_le|Bundespolizeiinspektion Rheinau||DE|
foreign_le|Landespolizei Fürstenau||LI|
foreign_le|Policía Bonaerense Nueva||AR|
foreign_le|Policía Municipal de Montclar||ES|
foreign_le|Guardia Civil||ES|
foreign_le|Dirección General de Policía||UY|
foreign_le|Policía Estatal Preventiva de Montclar||MX|
foreign_le|Polizia di Stato||IT|
foreign_le|Comando Carabinieri Montclar||IT|
foreign_le|Polícia Científica de Serrania||BR|
foreign_le|Departamento de Polícia Civil||BR|
foreign_le|Comando Territorial da GNR - Guarda Nacional Republicana||PT|
foreign_le|Politie Zuidland||NL|
foreign_le|Hedmarken Politidistrikt||NO|
foreign_le|Polisområde Nord||SE|
foreign_le|Polisstyrelsen||FI|
foreign_le|Powiatowa Komenda Policji||PL|
foreign_le|Wojewódzka Policja Lubrza||PL|
foreign_le|Policie ČR Lubrza||CZ|
foreign_le|Obvodné oddelenie Policajného zboru||SK|
foreign_le|Budai Rendőrség||HU|
foreign_le|Poliția Locală Lubrza||RO|
foreign_le|Управление полиции Лубжа||RU|
foreign_le|Полиција Лубжа||RS|
foreign_le|Διεύθυνση Αστυνομίας||GR|
foreign_le|Lubrza Emniyet Müdürlüğü||TR|
foreign_le|Polis Diraja Negeri||MY|
foreign_le|المديرية العامة للشرطة||SA|
foreign_le|شرطة المدينة||EG|
foreign_le|Lubrapur Police||IN|
foreign_le|लुब्रपुर पुलिस||IN|
foreign_le|লুব্রা পুলিশ||BD|
foreign_le|Lubra Police Force||TT|
foreign_le|Kepolisian Resor Lubra||ID|
foreign_le|PNP - Philippine National Police Lubra||PH|
foreign_le|Lubra County Police Service||KE|
foreign_le|東浜警察署||JP|
foreign_le|东山公安局||CN|
foreign_le|동산경찰서||KR|
foreign_le|香港警務處||HK|
foreign_le|สถานีตำรวจภูธร||TH|
foreign_le|Công an huyện Lubra||VN|
foreign_le||polisi.lubra.go.id||
foreign_le||police.lubra.gov.in||
foreign_le||polizia.montclar.it||
foreign_le||politi.hedmarken.no||
foreign_le|Larkmoor Border Services Agency||CA|
foreign_le|Wexfold Regional Organised Crime Unit||GB|
foreign_le|Service de sécurité publique de Valdor||CA|
foreign_le|Sakerhetspolisen||SE|
foreign_le|Norðurvík lögreglustjóri||IS|
foreign_le|Public Security Directorate of Saffar||JO|
foreign_le|Zabor National Investigation Agency||IN|
foreign_le|Prefectura Naval de Tierra Alta||AR|
foreign_le|Brigada Militar de Serra Clara||BR|
foreign_le|Следственный комитет Заборска||RU|
foreign_le|大浜県警||JP|
foreign_le|Crime Branch, Zaborpur||IN|
foreign_le|Compagnie républicaine de sécurité 99||FR|
"""  # noqa: RUF001

NO_POLICE = """
unknown|Ferrow Police Museum||US|OH
unknown|National Museum of Police History||US|DC
unknown|Ferrow Police Credit Union||US|CA
unknown|Police & Fire Federal Credit Union||US|PA
unknown|Ferrow Police Federal Credit Union||US|PA
unknown|Ferrow Police Supply Shop||US|TX
unknown|Quell County Police Supply LLC|quellpolicesupply.com|US|TX
unknown|Galloway's Police Uniforms & Equipment||US|TX
unknown|Ferrow Police Union||US|MA
unknown|Ferrow Police Officers Association||US|CA
unknown|Ferrow Police Officers' Federation||US|MN
unknown|Ferrow Deputy Sheriffs' Association||US|CA
unknown|Sheriffs' Association of Northern Vale||US|TX
unknown|International Association of Chiefs of Police||US|VA
unknown|Northern Vale Association of Chiefs of Police||US|MA
unknown|Fraternal Order of Police Lodge 12||US|OH
unknown|Ferrow Police Foundation||US|CO
unknown|Friends of the Ferrow Police||US|CO
unknown|Ferrow Police Pension Fund||US|IL
unknown|Ferrow Police Pension Board||US|FL
unknown|Firemen's and Policemen's Pension Fund of Ferrow||US|TX
unknown|Sheriffs' Pension and Relief Fund||US|LA
unknown|Ferrow Police Pipes and Drums Band||US|NY
unknown|Ferrow Police Choir||GB|
unknown|The Police Tribute Band||US|NV
unknown|Ferrow Police Athletic League||US|NY
unknown|Ferrow Police Explorers Post 12||US|CA
unknown|Ferrow Police Wives Association||US|CA
unknown|Police Street Bakery||US|WA
unknown|Old Police Station Hotel||GB|
unknown|The Old Police House Guest House||GB|
unknown|Police Station Coffee Roasters||US|WA
unknown|Sheriff Street Dental Clinic||US|WA
unknown|Marshal Avenue Apartments||US|WA
unknown|Constable Street Gallery||US|PA
unknown|Grammar Police Editing Services||US|OR
unknown|Fashion Police Boutique||US|CA
unknown|Noise Police Podcast||US|CA
unknown|Police Academy Fan Club||US|CA
unknown|Ferrow Policy Institute||US|DC
unknown|Center for Police Reform||US|NY
unknown|Institute for Policing Research||US|NY
unknown|Campaign Against Police Violence||US|NY
unknown|Families United Against Police Brutality||US|MN
unknown|Defund the Police Coalition||US|MN
unknown|Police1 News||US|CA
unknown|Police Magazine||US|CA
unknown|Police Chief Magazine||US|VA
unknown|Ferrow Police Auctions||US|CA
unknown|Police Memorial Trust||GB|
unknown|Retired Police Officers of Ferrow||US|NY
unknown|Police Jury of Belmarais Parish||US|LA
unknown|Belmarais Police Jury Association||US|LA
unknown|Justice Valley Software||US|UT
unknown|Sheriff Auto Group||US|TX
unknown|Marshall Amplification||GB|
unknown|Marshal Rock Climbing Gym||US|CO
unknown|Ranger Trucks of Ferrow||US|TX
unknown|Park Ranger Outfitters||US|CO
unknown|Patrol Security Guards Inc.||US|TX
unknown|Ferrow Home Watch Patrol||US|FL
unknown|Ski Patrol Association||US|CO
unknown|Paw Patrol Pet Grooming||US|FL
unknown|Trooper Coffee||US|AK
unknown|Constable & Sons Solicitors||GB|
unknown|Sheriff's Ranch Barbecue||US|TX
unknown|Ferrow Office of the Public Defender||US|FL
unknown|Pinecote Fire Police Association||US|PA
unknown|Ferrow Fire Department||US|OH
unknown|Ferrow Fire and Rescue||US|OH
unknown|Ferrow State Fire Marshal||US|OH
unknown|Grand Marshal Parade Committee||US|OH
unknown|Field Marshal Games||US|OH
unknown|Policewear Ltd||GB|
unknown|Politico Media||US|DC
unknown|Metropolis Architects||US|NY
unknown|Acropolis Travel||GR|
unknown|Poliza Seguros||ES|
unknown|Pólizas y Seguros del Norte||MX|
unknown|Polis Kitap Yayınları|poliskitap.com|SE|
unknown|Gewerkschaft der Polizei||DE|
unknown|Polizeichor Hafenried e.V.||DE|
unknown|Polizeisportverein Hafenried||DE|
unknown|Sindicato Unificado de Policía||ES|
unknown|Syndicat Alliance Police||FR|
unknown|Mutuelle de la Police||FR|
unknown|Museo de la Policía Nacional||CO|
unknown|Associação dos Oficiais da Polícia Militar||BR|
unknown|Sindicato dos Policiais Civis||BR|
unknown|Cooperativa de Crédito dos Policiais||BR|
unknown|Associazione Nazionale Polizia di Stato||IT|
unknown|Sindacato Autonomo di Polizia||IT|
unknown|Nederlandse Politiebond||NL|
unknown|Polisförbundet||SE|
unknown|Politiforbundet||DK|
unknown|Krimi & Polizei Verlag||DE|
unknown|Police Federation of Wexfold||GB|
unknown|Police Mutual Assurance||GB|
unknown|Police Bank||AU|
unknown|Police Health Insurance||AU|
unknown|Police Citizens Youth Club||AU|
unknown||policecreditunion.org|US|CA
unknown||policesupplyshop.com|US|CA
unknown||grammarpolice.com|US|
unknown||polizeichor-hafenried.de||
unknown||ferrowpoliceunion.org|US|
unknown||policemuseum.org.uk||
unknown||sheriffcoffee.com|US|
unknown||policyinstitute.org|US|
unknown||rapids.com|US|
unknown|Northmoor Police Museum Trust||GB|
unknown|Police Memorabilia Collectors||US|OH
unknown|Police K-9 Training Supplies||US|OH
unknown|Police Hire Recruitment Agency Ltd||GB|
unknown|Cop Shop Donuts||US|OH
unknown|Sting and the Police Fans||GB|
unknown|Police Reunion Tour LLC||US|
unknown|Greenmarsh Policemen's Benevolent Association||US|NJ
unknown|Greenmarsh Police Superior Officers Union||US|NJ
unknown|Police Officers for Better Government PAC||US|NJ
unknown|Sheriffs' Relief Fund of Adare||US|KS
unknown|National Sheriffs' Association||US|VA
unknown|Law Enforcement Legal Fund||US|VA
unknown|Law Enforcement Officers Credit Union||US|VA
unknown|Law Enforcement Action Partnership||US|VA
unknown|Peace Officers Memorial Foundation||US|VA
unknown|Thin Blue Line Insurance||US|TX
unknown|Blue Patrol Pools||US|TX
unknown|Night Patrol Security LLC||US|TX
unknown|Sheriff Realty Group||US|TX
unknown|Marshals Department Stores||US|TX
unknown|Constable Chocolate Company||US|TX
unknown|Policy Horizons Institute||CA|
unknown|Polypolis Games||GR|
unknown|Polizei-Sport-Verein Niederau||DE|
unknown|Deutsche Polizeigewerkschaft||DE|
unknown|Polizeiseelsorge Niederau||DE|
unknown|Polizeiruf Film GmbH||DE|
unknown|Asociación de Jubilados de la Policía||ES|
unknown|Fundación Policía Española||ES|
unknown|Caja de la Policía||AR|
unknown|Amicale des gendarmes retraités||FR|
unknown|Musée de la Gendarmerie||FR|
unknown|Poliklinika Zagora||HR|
unknown|Politik & Kultur Verlag||DE|
unknown|Politecnico di Valdoria Press||IT|
unknown|Polisfonden||SE|
unknown|Public Policy Police Studies Journal||US|
unknown||policehumour.com|US|
unknown||thepoliceband.com||
unknown||policefoundation.org.uk||
unknown|Brackenshire Police Choir||GB|
unknown|Police Dependants' Trust||GB|
unknown|Police Treatment Centres Charity||GB|
unknown|Pinewater Police Reserve Alumni Association||US|
unknown|Orrin County Sheriff's Deputies Union Local 4||US|
unknown|Pinewater Patrolmen's Union||US|
unknown|Pinewater Police Chief's Toy Drive Foundation||US|
unknown|Law Enforcement Torch Run Charity||US|
unknown|Police Week Memorial Ride||US|
unknown|Pinewater Police Cadets Parents Club||US|
unknown|Police Uniform Warehouse||US|
unknown|Cop Stop Coffee||US|
unknown|The Sheriff's Diner||US|
unknown|Old Sheriff Brewing Co.||US|
unknown|Marshall Dental Group||US|
unknown|Ranger Robotics||US|
unknown|Texas Rangers Baseball Club||US|
unknown|Pinewater Rangers FC||GB|
unknown|Policy Police Watch Blog||US|
unknown|Council on Criminal Justice Policy||US|
unknown|Justice Center Theatre||US|
unknown|Pinewater Search and Rescue||US|
unknown|Syndicat national de la police||FR|
unknown|Union syndicale des policiers||FR|
unknown|Polizeisportclub Rheinau||DE|
unknown|Polizei Tuning Shop||DE|
unknown|Hermandad de la Policía||ES|
unknown|Sindicato de Policía Local||ES|
unknown|Clube dos Oficiais da Polícia||BR|
unknown|Politikon Verlag||DE|
unknown|Politi-forum magasin||NO|
unknown|Polis Müzesi||TR|
unknown||policecollectibles.com|US|
unknown||sheriffsassociation.org|US|
unknown||polizeishop-rheinau.de||
unknown|FBI Buffet & Grill||US|OH
unknown|KFPD||US|OH
unknown|CRPD||US|CA
unknown|Larkmoor Police Oracle||GB|
unknown|Wexfold Police Treatment Centre||GB|
unknown|Public Security Analysts Forum||US|
unknown|Capsule Public Safety||US|
unknown|Gerichte aus aller Welt Restaurant||DE|
"""  # noqa: RUF001

BESIDE = """
le_adjacent|Quell County District Attorney's Office||US|TX
le_adjacent|Quell County Prosecutor's Office||US|NJ
le_adjacent|Office of the State's Attorney for Quell County||US|MD
le_adjacent|Quell County Commonwealth's Attorney||US|VA
le_adjacent|Quell County Attorney||US|AZ
le_adjacent|Calder City Prosecutor||US|AZ
le_adjacent|District Attorney's Bureau of Investigation||US|CA
le_adjacent|Attorney General of Northern Vale||US|OH
le_adjacent|U.S. Attorney's Office, District of Northern Vale||US|
le_adjacent|Solicitor General's Office of Quell County||US|GA
le_adjacent|Crown Prosecution Service||GB|
le_adjacent|Staatsanwaltschaft Hafenried||DE|
le_adjacent|Fiscalía General de Tierra Alta||MX|
le_adjacent|Parquet de Valmorin, tribunal judiciaire||FR|
le_adjacent|Ministério Público de Serra Clara||BR|
le_adjacent|Procura della Repubblica di Valmora||IT|
le_adjacent|Quell County Superior Court||US|CA
le_adjacent|Quell County Circuit Clerk||US|IL
le_adjacent|Calder Municipal Court||US|OH
le_adjacent|Northern Vale Supreme Court||US|OH
le_adjacent|Quell County Court of Common Pleas||US|PA
le_adjacent|U.S. District Court for Northern Vale||US|
le_adjacent|Amtsgericht Hafenried||DE|
le_adjacent|HM Courts and Tribunals Service||GB|
le_adjacent|Quell County Jail||US|OH
le_adjacent|Quell County Detention Center||US|NM
le_adjacent|Quell County Correctional Facility||US|NJ
le_adjacent|Northern Vale Department of Corrections||US|FL
le_adjacent|Northern Vale Department of Correction||US|MA
le_adjacent|Western Regional Jail Authority||US|VA
le_adjacent|Quell County Adult Probation||US|TX
le_adjacent|Northern Vale Board of Pardons and Parole||US|GA
le_adjacent|Federal Bureau of Prisons||US|
le_adjacent|HM Prison Wexfold||GB|
le_adjacent|HM Prison and Probation Service||GB|
le_adjacent|Justizvollzugsanstalt Hafenried||DE|
le_adjacent|Quell County 911||US|OR
le_adjacent|Quell County E-911||US|AL
le_adjacent|Quell County Emergency Communications Center||US|VA
le_adjacent|Quell Regional Dispatch||US|CT
le_adjacent|Police and Fire Dispatch Center of Quell||US|OH
le_adjacent|Quell Police and Fire Communications||US|OH
le_adjacent|Sheriff's Dispatch Authority of Quell||US|MI
le_adjacent|Integrierte Leitstelle Hafenried||DE|
le_adjacent|Northern Vale Police Academy||US|NY
le_adjacent|Northern Vale Law Enforcement Academy||US|NM
le_adjacent|Commission on Law Enforcement Standards||US|AR
le_adjacent|Police Officer Standards and Training Council||US|CT
le_adjacent|Police Training Institute||US|IL
le_adjacent|College of Policing||GB|
le_adjacent|Hochschule der Polizei Wiesental||DE|
le_adjacent|Academia de Policía de Tierra Alta||MX|
le_adjacent|Wyższa Szkoła Policji||PL|
le_adjacent|École nationale de police de Valmorin||FR|
le_adjacent|Civilian Complaint Review Board, Police||US|NY
le_adjacent|Office of the Police Monitor||US|TX
le_adjacent|Independent Office for Police Conduct||GB|
le_adjacent|Office of the Police and Crime Commissioner for Wexfold||GB|
le_adjacent|Department of the Interior Office of Inspector General||US|
le_adjacent|Quell County Medical Examiner||US|TX
le_adjacent|Quell County Coroner's Office||US|OH
le_adjacent|Northern Vale State Crime Laboratory||US|ND
le_adjacent|Crime Stoppers of Quell||US|TX
le_adjacent|Quell County Crime Victims Services||US|CO
le_adjacent||joinpolice.lowfield.us|US|
le_adjacent|Adare County Prosecuting Attorney's Office||US|MI
le_adjacent|Office of the District Attorney, Fourth Circuit||US|HI
le_adjacent|Adare County Clerk of Courts||US|OH
le_adjacent|Adare County Juvenile Detention||US|OH
le_adjacent|Lowfield Jail||US|VA
le_adjacent|Adare County Central Dispatch||US|MI
le_adjacent|Adare Emergency Communications District||US|TN
le_adjacent|Lowfield Public Safety Answering Point||US|NY
le_adjacent|Lowfield Police Training Academy||US|NY
le_adjacent|Peace Officer Standards and Training Board||US|OR
le_adjacent|Civilian Oversight of Police Commission||US|IL
le_adjacent|Justizvollzugsanstalt Niederau||DE|
le_adjacent|Centro Penitenciario Valdoria||ES|
le_adjacent|Landgericht Niederau||DE|
le_adjacent|Staatsanwaltschaft Niederau||DE|
le_adjacent|Procuraduría General de Valdoria||CO|
le_adjacent|Tribunal de Justiça de Serra||BR|
le_adjacent|Polizeiakademie Niederau||DE|
le_adjacent|Scottish Police College||GB|
le_adjacent|Instituto Superior de Ciências Policiais||PT|
le_adjacent|Orrin County District Court||US|
le_adjacent|Orrin County Public Prosecutor||US|
le_adjacent|Pinewater Regional Emergency Dispatch Authority||US|
le_adjacent|Orrin County Regional Jail||US|
le_adjacent|Orrin State Parole Board||US|
le_adjacent|Orrin State Police Academy||US|
le_adjacent|Regional Law Enforcement Training Center||US|
le_adjacent|Crown Office and Procurator Fiscal Service||GB|
le_adjacent|Amtsgericht Rheinau||DE|
le_adjacent|Prokuratura Okręgowa||PL|
le_adjacent|Tribunal Superior de Montclar||ES|
le_adjacent|Polisutbildningen||SE|
le_adjacent|Quell Department of Criminal Justice||US|TX
le_adjacent|Oberlandesgericht Niederau||DE|
le_adjacent|Cour d'appel de Valmorin||FR|
le_adjacent|Rechtbank Oosterveen||NL|
le_adjacent|Sąd Rejonowy w Borowie||PL|
"""

SELLERS = """
le_vendor|Sablewatch Body Cameras Inc.||US|UT
le_vendor|Sablewatch Public Safety Software||US|
le_vendor|Lumen Police Analytics||US|
le_vendor|Law Enforcement Cloud LLC||US|
le_vendor|Calder Police Technologies GmbH||DE|
le_vendor|Harrow ALPR Systems||US|
le_vendor|Gallery Mugshot Search Inc||US|
le_vendor|CopDesk Report Writing Software for Police||US|
le_vendor|Evidence Vault for Law Enforcement, Inc.||US|
le_vendor|Gunshot Detection Partners Ltd||GB|
le_vendor|Polizei-Software Hafenried GmbH||DE|
le_vendor||axon.com||
le_vendor||mail.flocksafety.com|US|
unknown|Axonal Biotech||US|
unknown|Evidence Based Medicine Ltd||GB|
unknown|Justice Center Software LLC||US|
le_vendor|Nightwatch Bodycam Ltd||GB|
le_vendor|TraceBench Digital Forensics||US|
le_vendor|Arrowhead Police Records Management||US|
le_vendor|SafeGrid Public Safety Platform||US|
le_vendor|Beat Software for Law Enforcement||US|
le_vendor|Kestrel Body-Worn Cameras||GB|
le_vendor|Pinewater License Plate Readers Inc||US|
le_vendor|Kestrel Law Enforcement Solutions||US|
le_vendor|Evidence Cloud for Police||US|
"""

UMBRELLAS = """
umbrella|City of Calder Falls|calderfalls.gov|US|OH
umbrella|Calder Falls, City of||US|OH
umbrella|City & County of Calder||US|CO
umbrella|Town of Lesser Birch||US|CT
umbrella|Village of Justice Grove||US|IL
umbrella|City of Marshall Springs||US|TX
umbrella|City of Police Creek||US|TX
umbrella|City of Ranger Falls||US|TX
umbrella|Quell County|quellcounty.gov|US|OH
umbrella|Quell County Government||US|OH
umbrella|Quell Parish Council||US|LA
umbrella|Quell County Board of Commissioners||US|OH
umbrella|Constable Township||US|PA
umbrella|Sheriffton Borough Council||US|PA
umbrella|University of Brenmark|brenmark.edu|US|MA
umbrella|Brenmark College||US|MA
umbrella|Quell Independent School District|quellisd.org|US|TX
umbrella|Quell Unified School District||US|CA
umbrella|Larkmoor Transit Authority||US|TX
umbrella|Metropolitan Larkmoor Transportation Authority||US|TX
umbrella|Port of Larkmoor||US|WA
umbrella|Larkmoor Airport Authority||US|TX
umbrella|Larkmoor Housing Authority||US|NY
umbrella|Red Hollow Nation|redhollow-nsn.gov|US|OK
umbrella|Department of Homeland Security||US|
umbrella|Department of Justice||US|
umbrella|State of Northern Vale Department of Public Safety||US|
umbrella|Home Office|homeoffice.gov.uk|GB|
umbrella|Ministry of Interior||AE|
umbrella|Ministère de l'Intérieur||FR|
umbrella|Bundesministerium des Innern||DE|
umbrella|Ministerio del Interior||ES|
umbrella|Ministero dell'Interno||IT|
umbrella|Ministerstwo Spraw Wewnętrznych||PL|
umbrella|Министерство внутренних дел||RU|
umbrella|İçişleri Bakanlığı||TR|
umbrella|Ayuntamiento de Peñarrubia||ES|
umbrella|Prefeitura Municipal de Serra Clara||BR|
umbrella|Stadt Hafenried||DE|
umbrella|Mairie de Valmorin||FR|
umbrella|Comune di Valmora||IT|
umbrella|Gemeente Oosterveen||NL|
umbrella|Urząd Miasta Borów||PL|
umbrella|Wexfold County Council||GB|
umbrella|London Borough of Wexfold||GB|
umbrella|Universität Hafenried||DE|
umbrella|Greenmarsh Town Council||GB|
umbrella|Lowfield Municipality||US|AK
umbrella|Adare Parish Government||US|LA
umbrella|Lowfield State University||US|
umbrella|Adare Unified School District||US|
umbrella|Ministerio de Gobernación||GT|
umbrella|Ministry of Home Affairs||SG|
umbrella|Landeshauptstadt Niederau||DE|
umbrella|Pinewater City Council||US|
umbrella|County of Orrin||US|
umbrella|Technische Universität Rheinau||DE|
umbrella|Ayuntamiento de Montclar||ES|
umbrella|Municipalidad de Montclar||CL|
"""  # noqa: RUF001

ROWS = [
    line
    for table in (POLICE_IN_AMERICA, FEDERAL, ABROAD, NO_POLICE, BESIDE, SELLERS, UMBRELLAS)
    for line in table.split("\n")[1:-1]
]


@pytest.mark.parametrize("line", ROWS)
def test_a_body_is_of_the_class_that_its_name_and_domain_speak_for(line: str) -> None:
    expected, name, domain, country, state = line.split("|")
    said = classify(name, domain, country, state, PATTERNS)
    assert said.tenant_class == expected, said.evidence
    assert (said.confidence == 0) == (expected == "unknown")


def test_the_table_is_long_and_half_of_it_are_near_misses() -> None:
    assert len(ROWS) == len(set(ROWS)) > 800
    police = [line for line in ROWS if line.split("|")[0] in POLICE]
    assert 0.4 < len(police) / len(ROWS) < 0.6


PLACES = ["Quell County", "Marshall County", "Sheriffton County", "Ranger County", "Constable County", "Patrol Creek"]
BODIES_BESIDE = [
    "{} District Attorney", "{} Prosecuting Attorney's Office", "{} State's Attorney", "{} Public Prosecutor",
    "{} Superior Court", "{} Municipal Court", "Clerk of Courts, {}", "{} Juvenile Court",
    "{} Jail", "{} Detention Center", "{} Department of Corrections", "{} Community Corrections",
    "{} Probation Department",
    "{} 911", "{} E-911 Board", "{} Central Dispatch", "{} Emergency Communications Center",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES_BESIDE)
@pytest.mark.parametrize("place", PLACES)
def test_prosecutors_courts_jails_and_dispatch_never_come_out_as_police(place: str, body: str) -> None:
    name = body.format(place)
    for domain in ("", "quellcounty.gov", "example.com"):
        for country in ("US", ""):
            assert classify(name, domain, country, "TX", PATTERNS).tenant_class == "le_adjacent", (
                name,
                domain,
                country,
            )


# --- how a class is decided -------------------------------------------------------------------------------------------


def test_letters_with_a_stroke_and_accents_are_read_as_plain_ones() -> None:
    plain = classify("Komenda Glowna Policji", "", "PL", "", PATTERNS)
    assert plain == classify("Komenda Główna Policji", "", "PL", "", PATTERNS)
    assert plain.tenant_class == "foreign_le"
